"""Records that cannot be used, as they are met -> counts by reason, a report, or a clear stop."""

import collections
import json

import tensorflow as tf
from absl import logging

# So many records are read before a share means something, unless the data ends earlier.
_LEAST_RECORDS = 1000


class BrokenRecords:
    """What a pass over a source had to skip, and how much of that is too much.

    A data set made from it notes each skipped record by its position in the stream, which is
    also what makes a resumed stream exact: see `Source.training_pairs`. The first broken records
    and the total at the end of a pass are logged.

    Args:
        max_share: Float in `[0, 1]`. Reading stops with an error once more than this share of
            the records (of 1,000, where fewer have been read) is broken.

    Attributes:
        num_read: Integer, records met so far, broken ones included.
        found: Dict from the position of each broken record to its key and the reason.

    Raises:
        ValueError: If `max_share` is no share.

    Example:

    >>> broken = BrokenRecords(max_share=0.5)
    >>> broken.add(1, "blue.png", "no such file")
    >>> broken.read_until(4)
    >>> print(broken.report())
    1 of 4 records (25 %) were skipped: 1 no such file. Among them: blue.png (no such file).
    """

    def __init__(self, max_share=0.05):
        if not 0 <= max_share <= 1:
            raise ValueError(f"`max_share` must lie in [0, 1]. Received: max_share={max_share}.")
        self.max_share = max_share
        self.num_read = 0
        self.found = {}

    def __len__(self):
        return len(self.found)

    @property
    def reasons(self):
        """`collections.Counter` of the reasons."""
        return collections.Counter(reason for _, reason in self.found.values())

    def add(self, position, key, reason):
        """Notes a broken record; noting it again, in a second pass, changes nothing."""
        if position not in self.found:
            self.found[position] = (key, reason)
            if len(self.found) in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000):
                logging.warning(
                    "%s skipped: %s (%s)", f"{len(self.found):,} record(s)", key, reason
                )

    def read_until(self, position):
        """Notes that all records before `position` have been met.

        Raises:
            ValueError: If too many of them are broken.
        """
        self.num_read = max(self.num_read, position)
        if len(self.found) > self.max_share * max(self.num_read, _LEAST_RECORDS):
            raise ValueError(self._too_many())

    def finish(self):
        """Notes that the pass is over.

        Raises:
            ValueError: If too many records are broken.
        """
        if len(self.found) > self.max_share * self.num_read:
            raise ValueError(self._too_many())
        if self.found:
            logging.warning("%s", self.report())

    def report(self, num_examples=3):
        """Returns one line: how many records were skipped, for which reasons, and examples."""
        if not self.found:
            return f"All {self.num_read:,} records are fine."
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common())
        share = 100 * len(self.found) / max(1, self.num_read)
        # One of each reason first: they say more than the first few of one.
        first = {reason: key for key, reason in reversed(self.found.values())}
        examples = [(key, reason) for reason, key in first.items()]
        examples += [example for example in self.found.values() if example not in examples]
        listed = ", ".join(f"{key} ({reason})" for key, reason in examples[:num_examples])
        return (
            f"{len(self.found):,} of {self.num_read:,} records ({share:.3g} %) were skipped: "
            f"{reasons}. Among them: {listed}."
        )

    def position_after(self, num_good):
        """Returns at which position a stream goes on after `num_good` good records.

        Args:
            num_good: Integer.

        Returns:
            Integer, or `None` if the records have not been read that far.
        """
        position = num_good
        for broken in sorted(self.found):
            if broken < position:
                position += 1
        return position if position <= self.num_read else None

    def save(self, path):
        """Writes everything to a JSON file (local or `gs://`), for `load`."""
        state = {
            "max_share": self.max_share,
            "num_read": self.num_read,
            "found": [[position, *entry] for position, entry in sorted(self.found.items())],
        }
        with tf.io.gfile.GFile(str(path), "w") as file:
            file.write(json.dumps(state, ensure_ascii=False))

    @classmethod
    def load(cls, path):
        """Returns what `save` wrote."""
        with tf.io.gfile.GFile(str(path)) as file:
            state = json.loads(file.read())
        broken = cls(state["max_share"])
        broken.num_read = state["num_read"]
        broken.found = {position: (key, reason) for position, key, reason in state["found"]}
        return broken

    def _too_many(self):
        return (
            f"More than {100 * self.max_share:.3g} % of the records are broken, so reading "
            f"stopped. {self.report(num_examples=5)} If that is as it should be, raise "
            "`BrokenRecords(max_share=...)`."
        )
