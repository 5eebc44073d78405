"""The emoji demo: real pictures and captions -> a tuned model, its scores and a report."""
