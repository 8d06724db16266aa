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
    from lib.bands import band
    import lib.names as names
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("bands", flights.select(band=band(flights.dep_delay), origin=names.short(flights.origin)))
    return


if __name__ == "__main__":
    app.run()
