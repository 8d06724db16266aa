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
    band = ibis.cases((flights.dep_delay < 0, "early"), (flights.dep_delay > 15, "late"), else_="on time")
    return


@app.cell
def _():
    wb.output("bands", flights.group_by(band=band).aggregate(n=flights.count()), key="band")
    return


if __name__ == "__main__":
    app.run()
