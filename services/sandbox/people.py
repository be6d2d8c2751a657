"""Invented names and places. Nobody here exists; numbers are in the range kept for fiction (555-0100 to 555-0199)."""

FIRST_NAMES = (
    *("Mara", "José", "Zoë", "Liam", "Ava", "Noah", "Siân", "Mateo", "Ines", "Omar", "Priya", "Łukasz", "Ruth"),
    *("Chloé", "Dylan", "Hana", "Ivo", "Juno", "Keiko", "Lena", "Milo", "Nadia", "Oscar", "Pilar", "Quinn"),
    *("Rosa", "Søren", "Tomás", "Uma", "Vera", "Wren", "Ximena", "Yusuf", "Zara", "Anaïs", "Björn", "Cleo"),
    *("D'Arcy", "Élodie", "Farid", "Greta", "Hugo", "Imani", "Jonah", "Kai", "Leilani", "Mei-Lin", "Nico"),
)
LAST_NAMES = (
    *("Torres", "Nguyễn", "O'Neil", "Smith", "García", "Begay", "Kowalski", "Müller", "Okafor", "Patel", "Rossi"),
    *("Yazzie", "Brown", "Čapek", "D'Angelo", "Eriksen", "Fox", "Gruber", "Haddad", "Ibarra", "Jones", "Kim"),
    *("Lopez-Reyes", "MacLeod", "Núñez", "Osei", "Park", "Quispe", "Reed", "Sato", "Thorn", "Ueda", "Vargas"),
    *("Walker", "Xu", "Young", "Zając", "Adeyemi", "Bright", "Castillo", "De la Cruz", "Engel", "Finch"),
)
STREETS = ("Elm St", "Oak Ave", "2nd St", "Mesa Dr", "Rio Ln", "Pine Ct", "Sage Way", "Cañon Rd", "Hill Pl")
CITIES = (("Mesa", "85201"), ("Tempe", "85281"), ("Yuma", "85364"), ("Eloy", "85131"), ("Ajo", "85321"))
AREA_CODES = ("480", "602", "623", "928")
SCHOOLS = tuple(str(code) for code in range(100, 140))
GRADES = ("PK", "KG", *(f"{grade:02d}" for grade in range(1, 13)))
GENDERS = ("Male", "Female", "Male", "Female", "Male", "Female", "X")
RACES = ("W", "H", "B", "A", "I", "P", "M")
LANGUAGES = ("en", "en", "en", "es", "nv", "vi")
GUARDIANS = ("Mother", "Father", "Aunt", "Foster")
CONTACTS = ("Aunt", "Uncle", "Friend", "Sister")
