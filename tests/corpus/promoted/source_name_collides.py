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
    flights = wb.source("flights").filter(ibis._.origin == "JFK")
    return


@app.cell
def _():
    wb.output("jfk", flights.select("origin", "dep_delay"))
    return


if __name__ == "__main__":
    app.run()
