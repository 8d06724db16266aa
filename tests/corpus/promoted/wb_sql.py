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
    rows = wb.sql("SELECT origin, count(*) AS n FROM flights JOIN p USING (tailnum) GROUP BY origin", flights=flights, p=planes)
    return


@app.cell
def _():
    wb.output("per_origin", rows, key="origin")
    return


if __name__ == "__main__":
    app.run()
