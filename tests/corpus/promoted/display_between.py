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
    flights.limit(5)
    return


@app.cell
def _():
    mo.md("# Delays")
    late = flights.filter(flights.dep_delay > 15)  # quarter of an hour
    mo.ui.table(late.limit(10).execute())
    # only the columns that readers need
    small = late.select("origin", "dep_delay")
    chart = mo.ui.table(small.execute())
    wb.output("late", small, doc="Late flights.")
    chart
    return


if __name__ == "__main__":
    app.run()
