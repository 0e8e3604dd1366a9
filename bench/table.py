"""Figures by row, hub and name, printed as a table and saved as a document."""

import statistics


def spread(values):
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


class Table:
    def __init__(self, ours="warren"):
        self.ours = ours
        self.figures = {}  # (row, figure) -> hub -> values
        self.blocks = []
        self.disturbed = 0
        self.derived = {}
        self.facts = {}  # more entries for the document; not printed

    def add(self, row, hub, cost=None, **figures):
        """Adds one block's figures. `cost` is saved with them and shows whether other work disturbed the block."""
        for name, value in figures.items():
            self.figures.setdefault((row, name), {}).setdefault(hub, []).append(value)
        block = {"row": row, "hub": hub, **figures}
        if cost is not None:
            block["cost"] = cost.document()
            self.disturbed += not cost.is_clean()
        self.blocks.append(block)
        shown = "  ".join(f"{name} {short(value)}" for name, value in figures.items())
        noise = ""
        if cost is not None and not cost.is_clean():
            noise = f"   (disturbed: other work {(cost.foreign or 0) / cost.seconds:.0%})"
        print(f"  {row:28} {hub:14} {shown}{noise}", flush=True)

    def compare(self, title, figure, base, hub=None):
        """Derives the median of one (row, figure) divided by that of another, at one hub (by default ours)."""
        hub = hub or self.ours
        one, other = (self.figures[key][hub] for key in (figure, base))
        if statistics.median(other):
            self.derive(title, statistics.median(one) / statistics.median(other))

    def derive(self, title, value):
        """Adds a figure that is computed from several rows."""
        self.derived[title] = value

    def growth(self, figure, small, large, small_hub, large_hub=None):
        """The median in row `large` minus the median in row `small`."""
        most = statistics.median(self.figures[(large, figure)][large_hub or small_hub])
        return most - statistics.median(self.figures[(small, figure)][small_hub])

    def document(self):
        rows = {}
        for (row, figure), hubs in self.figures.items():
            entry = {hub: spread(values) for hub, values in hubs.items()}
            mine = entry.get(self.ours)
            if mine:
                entry["ratio"] = {hub: mine["median"] / other["median"] for hub, other in entry.items()
                                  if hub != self.ours and other["median"]}
            rows.setdefault(row, {})[figure] = entry
        return {"rows": rows, "derived": self.derived, "disturbed_blocks": self.disturbed, "blocks": self.blocks,
                **self.facts}

    def print(self):
        """Prints each hub's median (smallest-largest), and ours divided by each other hub's."""
        hubs = list(dict.fromkeys(hub for by_hub in self.figures.values() for hub in by_hub))
        print(f"\n{'':28} {'':18}" + "".join(f"{hub:>30}" for hub in hubs)
              + "".join(f"{'/ ' + hub:>20}" for hub in hubs if hub != self.ours))
        for row, figures in self.document()["rows"].items():
            for figure, entry in figures.items():
                cells = "".join(f"{_cell(entry[hub]) if hub in entry else '':>30}" for hub in hubs)
                ratios = "".join(f"{_ratio(entry, hub):>20}" for hub in hubs if hub != self.ours)
                print(f"{row:28} {figure:18}{cells}{ratios}")
        for title, value in self.derived.items():
            print(f"{title:60} {value:.2f}")
        if self.disturbed:
            print(f"\nOther work on this machine disturbed {self.disturbed} of {len(self.blocks)} blocks: "
                  "the figures show a direction only")


def short(value):
    """At least three significant digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cell(one):
    return f"{short(one['median'])} ({short(one['min'])}-{short(one['max'])})"


def _ratio(entry, hub):
    value = entry.get("ratio", {}).get(hub)
    return f"{value:.2f}" if value is not None else ""
