import marimo

app = marimo.App()


@app.cell
def _():
    import ibis
    import workbench as wb
    import marimo as mo


@app.cell
def _():
    x = 1  # trailing


@app.cell
def _():
    speed = mo.ui.slider(0, 10, value=3)  # how fast


@app.cell
def _(x):
    flights = wb.source("flights")  # trailing
    late = wb.output("late_ones", flights.filter(flights.dep_delay > speed.value * 10).mutate(y=x))  # trailing output


@app.cell
def _():
    wb.output("others", flights)  # here


if __name__ == "__main__":
    app.run()
