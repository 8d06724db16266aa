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
    def sel(t, *cols, **kw):
        kw['x'] = 1
        return t.select(*cols).mutate(**kw)
    args = ['day']
    args += ['origin']
    kw = {'y': 2}
    return


@app.cell
def _():
    wb.output("o1", sel(flights, *args, **kw))
    return


if __name__ == "__main__":
    app.run()
