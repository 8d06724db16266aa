from .names import short
import ibis


def band(delay):
    return ibis.ifelse(delay > 15, 'late', 'on time')
