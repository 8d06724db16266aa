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
    mo.md(
        r"""
        ## Why late departures

        Passengers ask; `dep_delay` is NULL for *cancelled* flights (C:\data "quoted").
        """
    )
    return


@app.cell
def _():
    wb.output("late", flights.filter(flights.dep_delay > 15), doc="Late departures")
    return


if __name__ == "__main__":
    app.run()
