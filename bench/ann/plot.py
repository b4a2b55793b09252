"""The comparison as a picture: speed over recall."""

from ann.curve import by_engine, frontier, is_ours
from ann.table import SPEEDS


def draw(points, title, paths):
    """Writes the same figure to each path, in the format that its ending names."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "ann"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(SPEEDS), figsize=(15, 6.5), sharey=True)
    colours = pyplot.get_cmap("tab20").colors
    for axis, (speed, name) in zip(axes, SPEEDS):
        for i, (engine, all_points) in enumerate(sorted(by_engine(points).items())):
            best = [p for p in frontier(all_points, speed) if p["recall10"] >= 0.8]
            if best:
                axis.plot([p["recall10"] for p in best], [p[speed] for p in best], label=engine, marker="o",
                          markersize=3, color=colours[i % len(colours)], linewidth=2.5 if is_ours(engine) else 1.2,
                          linestyle="-" if is_ours(engine) else "--")
        axis.set(yscale="log", xlabel="recall@10", title=name)
        axis.grid(True, which="both", alpha=0.3)
    axes[0].set_ylabel("queries a second")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=6, frameon=False)
    figure.suptitle(title)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    for path in paths:
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.endswith(".svg") else None)
    pyplot.close(figure)
