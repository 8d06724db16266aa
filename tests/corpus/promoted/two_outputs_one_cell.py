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
    late = flights.filter(flights.dep_delay > 15)
    per_origin = wb.output("late_by_origin", late.group_by("origin").aggregate(n=late.count()), key="origin")
    per_carrier = wb.output("late_by_carrier", late.group_by("carrier").aggregate(n=late.count()), key="carrier")
    mo.hstack([per_origin, per_carrier])
    return


if __name__ == "__main__":
    app.run()
