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
    cols = ['day']
    return


@app.cell
def _():
    list(map(cols.append, ['origin']))
    return


@app.cell
def _():
    wb.output("o1", flights.select(cols))
    return


if __name__ == "__main__":
    app.run()
