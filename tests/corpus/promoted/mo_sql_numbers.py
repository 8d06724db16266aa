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
    hours = wb.param("hours", 1, ge=0, le=4)
    least = -5
    minute = 60
    return


@app.cell
def _():
    rows = mo.sql(
        f"""
        SELECT origin, tailnum, dep_delay / {minute} AS late
        FROM flights
        WHERE dep_delay > {least} AND dep_delay <= {hours.value * minute + 30}
        """
    )
    return


@app.cell
def _():
    wb.output("late_hours", ibis.memtable(rows))
    return


if __name__ == "__main__":
    app.run()
