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
    columns = ["origin"]
    columns.append("dep_delay")
    columns += ["arr_delay"]
    shown = list(columns)
    shown.append("year")
    names = {"a": "origin"}
    names["b"] = "month"
    del names["a"]
    return


@app.cell
def _():
    wb.output("picked_columns", flights.select(*columns, *names.values(), "carrier").distinct())
    return


if __name__ == "__main__":
    app.run()
