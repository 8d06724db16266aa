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
    columns = {"n": "int64"}
    return


@app.cell
def _():
    @wb.local(schema=columns)
    def counted(rows):
        return rows
    return


@app.cell
def _():
    wb.output("counted_flights", counted(flights))
    return


if __name__ == "__main__":
    app.run()
