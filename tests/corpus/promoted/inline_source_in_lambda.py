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
    rows = wb.source("flights").filter(lambda flights: flights.tailnum.isin(wb.source("planes").tailnum))
    return


@app.cell
def _():
    wb.output("known", rows)
    return


if __name__ == "__main__":
    app.run()
