import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import datetime as dt

    import ibis
    import marimo as mo

    import workbench as wb

    return dt, ibis, mo, wb


@app.cell
def _(wb):
    flights = wb.source("flights")
    weather = wb.source("weather")
    return flights, weather


@app.cell
def _(dt, mo, wb):
    whole = wb.param("whole", 15, ge=0, le=240, doc="whole number between bounds")
    part = wb.param("part", 0.5, ge=0, le=1, doc="number between bounds")
    free = wb.param("free", 10, ge=0, doc="number without an upper bound")
    flag = wb.param("flag", False, doc="yes or no")
    one = wb.param("one", "UA", choices={"United": "UA", "JetBlue": "B6"}, doc="one of some")
    since = wb.param("since", dt.date(2013, 1, 1), ge=dt.date(2013, 1, 1), le=dt.date(2013, 12, 31), doc="a day")
    text = wb.param("text", "plain", doc="<img src=x onerror=window.hostile=1>")
    mo.vstack([whole, part, free, flag, one, since, text])
    return flag, free, one, part, since, text, whole


@app.cell
def _(flag, flights, free, ibis, one, part, since, text, wb, whole):
    counted = flights.filter(flights.carrier == one.value).agg(flights=ibis._.count())
    given = counted.mutate(
        whole=ibis.literal(whole.value),
        part=ibis.literal(part.value),
        free=ibis.literal(free.value),
        flag=ibis.literal(flag.value),
        one=ibis.literal(one.value),
        since=ibis.literal(since.value),
        text=ibis.literal(text.value),
    )
    wb.output("given", given, key=["one"], doc="<img src=x onerror=window.hostile=1>", columns={"text": "</section><b>"})
    return


@app.cell
def _(flights, ibis, wb):
    wb.estimate(flights.group_by("origin").agg(n=ibis._.count(), delay=ibis._.dep_delay.mean()))
    return


@app.cell
def _(flights, wb):
    wb.estimate(flights.dep_delay.median())
    return


@app.cell
def _(ibis, wb, weather):
    wb.output("wind", weather.group_by("origin").agg(wind=ibis._.wind_speed.mean()), key=["origin"])
    return


@app.cell
def _(flights, wb):
    wb.require(flights.count() > 10_000_000, "too few <b>flights</b>")
    unreached = flights.head(3)
    return (unreached,)


@app.cell
def _(unreached):
    unreached.head(2)
    return


@app.cell
def _(wb):
    wb.source("flihgts")
    return


if __name__ == "__main__":
    app.run()
