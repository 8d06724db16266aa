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
    conf = {'kind': 'late', 'n': 30, 'more': 1}
    match conf:
        case {'kind': 'late', 'n': int(limit), **rest}:
            pass
        case _:
            limit = 0
    return


@app.cell
def _():
    wb.output("o1", flights.filter(flights.dep_delay > limit).mutate(k=len(rest)))
    return


if __name__ == "__main__":
    app.run()
