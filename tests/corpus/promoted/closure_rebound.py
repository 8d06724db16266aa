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
    def f():
        def g(t):
            return t.filter(t.dep_delay > lim)
        lim = 10
        h = g
        lim = 30
        return h
    k = f()
    return


@app.cell
def _():
    wb.output("o1", k(flights))
    return


if __name__ == "__main__":
    app.run()
