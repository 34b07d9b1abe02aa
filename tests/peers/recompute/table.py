"""What is compared, side by side."""

import csv
from dataclasses import dataclass

# A figure may differ by no more than this.
LIMIT = 1e-6


@dataclass
class Row:
    """A figure by both sides, and, where it is made of queries, how many differ and how many of these are ties."""

    stage: str
    metric: str
    ours: float
    theirs: float
    by: str
    differ: int | None = None
    ties: int | None = None
    # Whether distances were computed in another way: queries that are ties may move the figure then.
    anew: bool = False
    limit: float = LIMIT

    @property
    def difference(self):
        return abs(self.ours - self.theirs)

    @property
    def agrees(self):
        explained = (self.differ or 0) == (self.ties or 0)
        # Not `difference > limit`: NaN is no agreement.
        return explained and (self.difference <= self.limit or (self.anew and (self.ties or 0) > 0))


@dataclass
class Difference:
    """A query whose value differs."""

    stage: str
    metric: str
    by: str
    query_id: int
    ours: float
    theirs: float
    tie: bool
    why: str


class Table:
    """Rows, queries that differ, and what was not compared and why."""

    def __init__(self):
        self.rows, self.differences, self.skipped = [], [], []

    def add(self, *args, **named):
        self.rows.append(Row(*args, **named))

    def skip(self, stage, metric, reason):
        self.skipped.append((stage, metric, reason))

    def agrees(self):
        return all(row.agrees for row in self.rows)

    def print(self, most):
        same, anew = [row for row in self.rows if not row.anew], [row for row in self.rows if row.anew]
        show("From the same ranks", same)
        show("On distances that the library computes itself", anew)
        for found in self.differences[:most]:
            values = f"{found.ours:.7g}, {found.by} {found.theirs:.7g}"
            print(f"query {found.query_id}: {found.stage}.{found.metric} {values}: {found.why}")
        if len(self.differences) > most:
            print(f"and {len(self.differences) - most} more queries")
        for stage, metric, reason in self.skipped:
            print(f"skipped {stage}.{metric}: {reason}")
        wrong = sum(not row.agrees for row in self.rows)
        largest = max((row.difference for row in same if row.limit == LIMIT), default=0.0)
        ties = sum(found.tie for found in self.differences)
        print(
            f"{len(self.rows)} figures compared, {wrong} differ, {len(self.skipped)} skipped; largest difference from the "
            f"same ranks {largest:.1e}; {len(self.differences)} values of queries differ, {ties} of them ties"
        )

    def write(self, path):
        """All queries that differ."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(Difference.__dataclass_fields__)
            writer.writerows(vars(found).values() for found in self.differences)


def show(title, rows):
    if not rows:
        return
    print(f"\n{title}:\n")
    print("| figure | simpipe | theirs | by | difference | limit | differ | of them ties |")
    print("|---|---:|---:|---|---:|---:|---:|---:|")
    for row in rows:
        name = f"{row.stage}.{row.metric}" + ("" if row.agrees else " **differs**")
        counts = ["" if count is None else count for count in (row.differ, row.ties)]
        cells = [name, f"{row.ours:.6f}", f"{row.theirs:.6f}", row.by, f"{row.difference:.1e}", f"{row.limit:.1e}", *counts]
        print("|", " | ".join(map(str, cells)), "|")
    print()
