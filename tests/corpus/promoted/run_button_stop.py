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
    button = mo.ui.run_button(label="go")
    return


@app.cell
def _():
    mo.stop(not button.value, mo.md("press go"))
    wb.output("late", flights.filter(flights.dep_delay > 15))
    return


if __name__ == "__main__":
    app.run()
