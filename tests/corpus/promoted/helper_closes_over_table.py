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
    planes = wb.source("planes")
    return


@app.cell
def _():
    def with_seats(table):
        return table.join(planes, "tailnum").select("tailnum", "seats", "dep_delay")
    return


@app.cell
def _():
    wb.output("seats", with_seats(flights))
    return


if __name__ == "__main__":
    app.run()
