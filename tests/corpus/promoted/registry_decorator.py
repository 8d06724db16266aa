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
    STEPS = []

    def step(function):
        STEPS.append(function)
        return function

    @step
    def late(t):
        return t.filter(t.dep_delay > 15)

    @step
    def small(t):
        return t.select("origin", "dep_delay")

    rows = flights
    for each in STEPS:
        rows = each(rows)
    return


@app.cell
def _():
    wb.output("steps", rows)
    return


if __name__ == "__main__":
    app.run()
