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
    counted = wb.local(schema={"n": "int64"})(lambda rows: rows)

    def outer(table):
        @wb.local(schema={"n": "int64"})
        def inner(rows):
            return rows

        return inner(table)
    return


@app.cell
def _():
    wb.output("counted_flights", counted(flights))
    return


@app.cell
def _():
    wb.output("counted_again", outer(flights))
    return


if __name__ == "__main__":
    app.run()
