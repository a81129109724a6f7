"""The implementation guide: Wince's profiles, extensions and terms as FHIR resources, made from the tables that the mapping writes by."""
