"""check_schema.py SCHEMA SAMPLES: prints `yes` or `no` for each line of SAMPLES, a JSON document.

Fails if SCHEMA is no valid JSON Schema of draft 2020-12.
"""
import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
with open(sys.argv[2], encoding="utf-8") as file:
    for line in file:
        print("yes" if validator.is_valid(json.loads(line)) else "no")
