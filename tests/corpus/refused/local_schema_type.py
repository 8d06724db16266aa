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
    @wb.local(schema={"n": "int46"})
    def counted(rows):
        return rows

    @wb.local
    def bare(rows):
        return rows

    @wb.local(columns={"n": "int64"})
    def other(rows):
        return rows
    return


@app.cell
def _():
    wb.output("counted_flights", counted(bare(other(flights))))
    return


if __name__ == "__main__":
    app.run()
