import limits


def short(name):
    return name.substr(0, limits.MINUTES - 13)
