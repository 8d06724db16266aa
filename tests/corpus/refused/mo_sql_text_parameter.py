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
    name = mo.ui.text(value="JFK")
    return


@app.cell
def _():
    rows = mo.sql(f"SELECT * FROM flights WHERE origin = '{name.value}'")
    return


@app.cell
def _():
    wb.output("late", ibis.memtable(rows))
    return


if __name__ == "__main__":
    app.run()
