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
    min_delay = wb.param("min_delay", 15, ge=0, le=240)
    return


@app.cell
def _():
    rows = mo.sql(
        f"""
        SELECT origin, tailnum, seats
        FROM flights
        JOIN planes USING (tailnum)
        WHERE dep_delay > {min_delay.value}
        """,
        output=False,
    )
    return


@app.cell
def _():
    wb.output("seats", ibis.memtable(rows))
    return


if __name__ == "__main__":
    app.run()
