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
    class A:
        def __init__(self):
            self.c = ['day']
        def __call__(self, o):
            self.c.append(o)
    a = A()
    return


@app.cell
def _():
    z = a('origin')
    return


@app.cell
def _():
    wb.output("o1", flights.select(a.c))
    return


if __name__ == "__main__":
    app.run()
