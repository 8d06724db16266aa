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
    def cols(more, seen=[]):
        seen.append(more)
        return list(seen)
    cols('day')
    b = cols('origin')
    return


@app.cell
def _():
    wb.output("o1", flights.select(b))
    return


if __name__ == "__main__":
    app.run()
