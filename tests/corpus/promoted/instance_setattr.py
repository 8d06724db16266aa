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
    class C: pass
    c = C()
    c.x = 1
    list(map(lambda k: c.__setattr__(k, 50), ['x']))
    return


@app.cell
def _():
    wb.output("o1", flights.filter(flights.dep_delay > c.x))
    return


if __name__ == "__main__":
    app.run()
