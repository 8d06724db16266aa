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
    import string
    return


@app.cell
def _():
    ORIGINS = {"Kennedy": "JFK", "La Guardia": "LGA"}
    CARRIERS = ["AA", "DL", "UA"]
    FROM, TO = 0, 60
    least = 5
    return


@app.cell
def _():
    flights = wb.source("flights")
    origin = mo.ui.dropdown(ORIGINS, value="Kennedy", label="airport")
    carrier = mo.ui.radio(CARRIERS, value="UA", label="airline")
    month = mo.ui.dropdown(list(range(1, 13)), value=3, label="month")
    letter = mo.ui.dropdown(list(string.ascii_uppercase), value="N", label="first letter of the tail number")
    delay = mo.ui.slider(least, 60, value=15, label="minutes")
    return


@app.cell
def _():
    rows = mo.sql(f"SELECT * FROM flights WHERE tailnum LIKE '{letter.value}%' AND month >= {month.value} AND origin = '{origin.value}'")
    return


@app.cell
def _():
    wb.output("chosen", ibis.memtable(rows).filter(ibis._.carrier == carrier.value, ibis._.dep_delay > delay.value))
    return


if __name__ == "__main__":
    app.run()
