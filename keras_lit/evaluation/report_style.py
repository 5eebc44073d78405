"""The style sheet of the report: light and dark after the reader's setting, from phone to desk."""

STYLE = """
:root {
  --page: #f7f7f5; --card: #ffffff; --text: #1c1f24; --muted: #5e6570; --line: #e2e3e0;
  --accent: #2a63c9; --accent-soft: #dbe6fa; --good: #14713f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131519; --card: #1c1f25; --text: #e8eaee; --muted: #a0a7b3; --line: #333843;
    --accent: #86b0ff; --accent-soft: #27395c; --good: #56c98f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header p { color: var(--muted); max-width: 46rem; margin: .4rem 0 0; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .3rem; }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.4rem 1.5rem; margin-top: 1.4rem;
}
section > p { color: var(--muted); margin: 0 0 1.1rem; max-width: 46rem; font-size: .94rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
tr:last-child th, tr:last-child td { border-bottom: 0; }
thead th { color: var(--muted); font-weight: 600; font-size: .86rem; vertical-align: bottom; }
tbody th, thead th:first-child { text-align: left; font-weight: 400; }
th:first-child { padding-left: 0; }
td.chance { color: var(--muted); }
td.own { font-weight: 650; white-space: nowrap; }
td .bar {
  display: inline-block; width: 5.5rem; height: .55rem; margin-right: .7rem; border-radius: 3px;
  background: var(--line); position: relative; overflow: hidden;
}
td .bar i { position: absolute; inset: 0 auto 0 0; background: var(--accent); }
td .bar b { position: absolute; top: 0; bottom: 0; width: 2px; background: var(--text); }
.figures { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.figures div { border-left: 3px solid var(--accent); padding: .1rem 0 .1rem .9rem; }
.figures strong { display: block; font-size: 1.7rem; line-height: 1.2; }
.figures span { display: block; }
.figures small { color: var(--muted); }
.examples {
  display: grid; gap: .9rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr));
}
.example {
  display: flex; gap: 1rem; align-items: center; border: 1px solid var(--line); border-radius: 10px;
  padding: .8rem;
}
.example > img { width: 76px; height: 76px; flex: none; }
.example > div { flex: 1; min-width: 0; }
.example p { margin: 0 0 .35rem; font-weight: 600; overflow-wrap: anywhere; line-height: 1.3; }
.example p small { display: block; font-weight: 400; color: var(--muted); }
.guess { position: relative; padding: .1rem .4rem; font-size: .85rem; display: flex; gap: .5rem;
  justify-content: space-between; border-radius: 4px; overflow: hidden; margin-top: 2px; }
.guess i { position: absolute; inset: 0 auto 0 0; background: var(--accent-soft); }
.guess span { position: relative; overflow-wrap: anywhere; min-width: 0; }
.guess span:last-child { flex: none; }
.guess.right span:first-of-type { color: var(--good); font-weight: 650; }
.query { border-top: 1px solid var(--line); padding: .9rem 0; display: grid; gap: .5rem 1.2rem;
  grid-template-columns: 12rem 1fr; align-items: center; }
.query:first-of-type { border-top: 0; padding-top: .2rem; }
.query > p { margin: 0; font-weight: 600; overflow-wrap: anywhere; line-height: 1.3; }
.query > p small { display: block; font-weight: 400; color: var(--muted); }
.matches {
  display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 76px);
  gap: clamp(.25rem, 1.2vw, .6rem); justify-content: start;
}
.match { position: relative; margin: 0; }
.match img { width: 100%; display: block; aspect-ratio: 1; }
img.picture { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 4px;
  object-fit: contain; }
.match.right img { border-color: var(--good); box-shadow: 0 0 0 2px var(--good); }
.match.right::after {
  content: "\\2713"; position: absolute; top: -7px; right: -7px; width: 19px; height: 19px;
  border-radius: 50%; background: var(--good); color: var(--card); font: 700 12px/19px sans-serif;
  text-align: center;
}
.charts {
  display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr));
}
.charts img { max-width: 100%; height: auto; display: block; }
ul { margin: 0; padding-left: 1.1rem; }
li { margin: .25rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
@media (max-width: 40rem) {
  section { padding: 1.1rem 1rem; }
  .query { grid-template-columns: 1fr; }
  td .bar { display: none; }
  tbody th { min-width: 9rem; }
  img.picture { padding: 2px; border-radius: 6px; }
}
@media print { section { break-inside: avoid; } }
"""
