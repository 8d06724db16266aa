import ibis

print(ibis)
