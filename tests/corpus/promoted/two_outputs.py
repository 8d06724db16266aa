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
    late = wb.output("late", flights.filter(flights.dep_delay > 15), doc="Late flights")
    return


@app.cell
def _():
    wb.output("late_by_origin", late.group_by("origin").aggregate(n=late.count()), key="origin")
    return


if __name__ == "__main__":
    app.run()
