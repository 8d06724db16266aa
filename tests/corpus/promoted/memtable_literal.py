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
    names = ibis.memtable(
        [("JFK", "Kennedy"), ("LGA", "La Guardia")],
        columns=["origin", "name"],
    )
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("named", flights.join(names, "origin").select("name", "dep_delay"))
    return


if __name__ == "__main__":
    app.run()
