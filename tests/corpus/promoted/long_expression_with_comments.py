import marimo

__generated_with = "0.25.2"
app = marimo.App()

@app.cell
def _():
    import ibis
    import marimo as mo
    import workbench as wb
    return


@app.cell
def _():
    flights = wb.source("flights")
    planes = wb.source("planes")
    return


@app.cell
def _():
    # join first: planes without flights do not count
    joined = (
        flights.join(planes, "tailnum", how="left")  # keep flights without a plane
        # then the flags
        .mutate(
            late=lambda t: t.dep_delay > 15,
            big=lambda t: t.seats > 200,  # wide bodies
        )
    )

    # two keys
    result = wb.output(
        "flags",
        joined.group_by("origin", "late")
        # count all of them
        .aggregate(n=joined.count()),
        key=["origin", "late"],
    )
    return


if __name__ == "__main__":
    app.run()
