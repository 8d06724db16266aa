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
    a = wb.output("step_a", flights.select("origin", "dep_delay"))
    return


@app.cell
def _():
    b = wb.output("step_b", a.filter(a.dep_delay > 0))
    return


@app.cell
def _():
    wb.output("step_c", a.count().as_table().cross_join(b.aggregate(late=b.count())))
    return


if __name__ == "__main__":
    app.run()
