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
    longest = mo.ui.slider(0, 100, value=15)
    return


@app.cell
def _():
    wb.output("late", flights.filter(lambda t: t.dep_delay > longest.value))
    return


if __name__ == "__main__":
    app.run()
