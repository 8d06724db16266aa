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
    rows = flights
    for column, low in [("dep_delay", 0), ("arr_delay", 0)]:
        # one bound at a time
        rows = rows.filter(rows[column] >= low)
    wb.output("bounded", rows)
    return


if __name__ == "__main__":
    app.run()
