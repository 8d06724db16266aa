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
    how_many = wb.estimate(late.count())
    wb.estimate(late.group_by("origin").agg(delay=ibis._.dep_delay.mean()))
    return


@app.cell
def _():
    wb.output("late", late.select("day", "origin", "dep_delay"))
    mo.md(f"about {how_many} in production")
    return


if __name__ == "__main__":
    app.run()
