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
    alias = columns
    alias.append("dep_delay")
    print(alias)
    return


@app.cell
def _():
    wb.output("picked_columns", flights.select(columns))
    return


if __name__ == "__main__":
    app.run()
