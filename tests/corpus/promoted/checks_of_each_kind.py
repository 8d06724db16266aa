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
    return


@app.cell
def _():
    wb.output(
        "late",
        flights.filter(flights.dep_delay > 15).select("day", "origin", "dep_delay"),
        key=["day", "origin"],
        doc="Late flights\nof one year.",
        columns={"dep_delay": "minutes"},
        checks=[
            wb.check.not_null("day", "origin"),
            wb.check.unique("day"),
            wb.check.between("dep_delay", 15, 2000),
            wb.check.one_of("origin", ["JFK", "LGA", "EWR"]),
            wb.check.matches("origin", "^[A-Z]{3}$"),
            wb.check.row_count(at_least=0),
        ],
        partition_by="day",
    )
    return


if __name__ == "__main__":
    app.run()
