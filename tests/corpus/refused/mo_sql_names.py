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
    text = "1; DROP TABLE flights"
    number = int(text[0])
    if number:
        other = 5
    return


@app.cell
def _():
    first = mo.sql(f"SELECT * FROM flights WHERE dep_delay > {text}")
    second = mo.sql(f"SELECT * FROM flights WHERE dep_delay > {number}")
    third = mo.sql(f"SELECT * FROM flights WHERE dep_delay > {other + 1}")
    return


@app.cell
def _():
    wb.output("first", ibis.memtable(first))
    wb.output("second", ibis.memtable(second))
    wb.output("third", ibis.memtable(third))
    return


if __name__ == "__main__":
    app.run()
