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
    shortest = mo.ui.slider(0, 240, value=15)
    return


@app.cell
def _():
    def late(t, widget):
        return t.filter(t.dep_delay > widget.value)
    return


@app.cell
def _():
    rows = late(flights, shortest)
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
