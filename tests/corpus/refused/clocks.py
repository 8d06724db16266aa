import datetime


def this_year():
    return datetime.date.today().year
