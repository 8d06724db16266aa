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
    wb.output("by_origin", flights.group_by("origin").aggregate(n=flights.count()), key="origin", doc="Flights by origin")
    return


if __name__ == "__main__":
    app.run()
