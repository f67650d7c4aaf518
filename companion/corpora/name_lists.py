"""Given and family names in groups, written for this book (CC0): what a sentence is asked about with another name.

Eight groups: four regions in which the names are common, women's and men's given names in each. A name says nothing
about the person who bears it; what is asked is what a *model* makes of it. The lists are small, latinised, and no
sample of any population, and many people fit none of them. No word of them stands in Newsroom, so that what a model
makes of them it has not learned there.
"""

from __future__ import annotations

from collections.abc import Mapping

_GIVEN = {
    ("English", "women"): "Abigail Charlotte Phoebe Beatrice Gillian Georgina Lucinda Felicity",
    ("English", "men"): "Alistair Duncan Gareth Nigel Trevor Percival Humphrey Angus",
    ("West African", "women"): "Akosua Adwoa Ifeoma Nneka Chiamaka Yetunde Bukola Efua",
    ("West African", "men"): "Kwame Yaw Uche Obinna Chinedu Babatunde Olumide Kwaku",
    ("Arabic", "women"): "Fatima Hanan Layla Samira Zaynab Maryam Yasmin Huda",
    ("Arabic", "men"): "Abdullah Faisal Hamza Khalid Mustafa Omar Walid Jamal",
    ("Chinese", "women"): "Fang Huilan Jiayi Meiling Qian Xiulan Yuhan Zhenzhen",
    ("Chinese", "men"): "Bowen Guoqiang Haoran Jianguo Mingze Weidong Xiaofeng Zhigang",
}
_FAMILY = {
    "English": "Ashworth Bradshaw Fairclough Hawthorne Pemberton Ramsbottom Whitaker Ainsley",
    "West African": "Asante Mensah Eze Okonkwo Nwachukwu Ogunleye Afolabi Appiah",
    "Arabic": "Darwish Haddad Khoury Mansour Nasser Qasim Rahman Saleh",
    "Chinese": "Cheng Huang Jiang Wang Xu Zhou Guo Deng",
}

NAME_GROUPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    f"{region}, {gender}": tuple(zip(given.split(), _FAMILY[region].split(), strict=True))
    for (region, gender), given in _GIVEN.items()
}
"""Eight names of each group as (given name, family name); women and men of a region share the family names."""
