// city: a gazetteer with its case forms, spellings in Latin letters and everyday names.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/cues.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

using Kind = Token::Kind;

// One a line: the name, "=" and its genitive where the rules below would miss it, "|" and English names. "!" behind the
// name: also a common word, so it wants a capital or a preposition; "?": also a person's name, so it wants a
// preposition.
constexpr std::string_view kRussia = R"(Москва|Moscow
Санкт-Петербург|Saint Petersburg,St Petersburg
Новосибирск
Екатеринбург|Yekaterinburg
Казань
Нижний Новгород|Nizhny Novgorod,Nizhniy Novgorod
Челябинск
Красноярск
Самара
Уфа
Ростов-на-Дону|Rostov on Don
Краснодар
Омск
Воронеж
Пермь
Волгоград
Саратов
Тюмень
Тольятти|Togliatti
Махачкала
Барнаул
Ижевск
Хабаровск
Ульяновск
Иркутск
Владивосток
Ярославль
Севастополь
Томск
Ставрополь
Кемерово
Набережные Челны=Набережных Челнов
Оренбург
Новокузнецк
Балашиха
Рязань
Чебоксары=Чебоксар
Калининград
Пенза
Липецк
Киров?
Астрахань
Сочи
Тула
Курск
Улан-Удэ
Сургут
Тверь
Магнитогорск
Якутск
Брянск
Иваново?
Владимир?
Белгород
Симферополь
Нижний Тагил
Чита=Читы!
Волжский?
Калуга
Грозный?
Смоленск
Подольск
Владикавказ
Саранск
Вологда
Череповец=Череповца
Орёл=Орла!
Тамбов
Мурманск
Нижневартовск
Курган!
Петрозаводск
Йошкар-Ола|Yoshkar Ola
Новороссийск
Кострома
Таганрог
Комсомольск-на-Амуре
Стерлитамак
Химки=Химок
Мытищи=Мытищ
Нальчик
Сыктывкар
Нижнекамск
Шахты=Шахт!
Энгельс?
Дзержинск
Братск
Орск
Старый Оскол
Ангарск
Королёв?
Великий Новгород|Veliky Novgorod
Благовещенск
Псков
Бийск
Прокопьевск
Люберцы=Люберец
Рыбинск
Южно-Сахалинск
Балаково
Армавир
Северодвинск
Абакан
Норильск
Петропавловск-Камчатский
Сызрань
Волгодонск
Каменск-Уральский
Новочеркасск
Златоуст!
Электросталь
Альметьевск
Салават?
Миасс
Керчь
Копейск
Находка!
Хасавюрт
Пятигорск
Рубцовск
Березники=Березников
Коломна
Одинцово
Домодедово
Ковров!
Нефтекамск
Кисловодск
Нефтеюганск
Батайск
Новочебоксарск
Серпухов
Щёлково
Дербент
Первоуральск
Черкесск
Назрань
Каспийск
Орехово-Зуево
Новый Уренгой
Раменское
Обнинск
Невинномысск
Кызыл
Октябрьский*
Долгопрудный
Ессентуки=Ессентуков
Димитровград
Ноябрьск
Камышин
Реутов
Пушкино!
Жуковский?
Артём?
Евпатория
Ханты-Мансийск
Сергиев Посад
Муром!
Арзамас
Ачинск
Елец=Ельца!
Ногинск
Бердск
Новошахтинск
Элиста
Северск
Железногорск
Зеленодольск
Тобольск
Саров
Майкоп
Мичуринск
Междуреченск
Лобня
Дубна!
Канск
Великие Луки=Великих Лук
Клин!
Усть-Илимск
Воткинск
Глазов!
Серов?
Ялта
Анапа
Геленджик
Туапсе
Адлер
Ейск
Азов!
Минеральные Воды=Минеральных Вод
Магадан
Анадырь
Горно-Алтайск
Нарьян-Мар
Салехард
Биробиджан
Архангельск
Ухта
Воркута
Инта!
Апатиты!
Выборг
Гатчина
Всеволожск
Колпино
Пушкин?
Кронштадт
Сестрорецк
Зеленоград
Красногорск
Видное*
Дмитров
Чехов?
Ступино
Егорьевск
Воскресенск
Наро-Фоминск
Троицк
Истра!
Солнечногорск
Звенигород
Лыткарино
Ивантеевка
Фрязино
Дзержинский?
Бугульма
Елабуга
Чистополь
Лениногорск
Бузулук
Кунгур
Соликамск
Лысьва
Чайковский?
Ишим
Нягань
Когалым
Надым
Лангепас
Мегион
Искитим
Юрга!
Киселёвск
Белово
Ленинск-Кузнецкий
Анжеро-Судженск
Черногорск
Минусинск
Усолье-Сибирское
Тулун
Зима!
Нерюнгри
Уссурийск
Спасск-Дальний
Россошь
Лиски!
Борисоглебск
Губкин?
Железноводск
Буденновск
Георгиевск
Кропоткин?
Тихорецк
Лабинск
Крымск
Новотроицк
Вольск
Балашов?
Ливны!
Ржев
Вязьма
Ковылкино
Шуя!
Кинешма
Вышний Волочёк=Вышнего Волочка
Гусь-Хрустальный
Александров?
Феодосия
Алушта
Судак!
Бахчисарай
Джанкой
Котлас
Сосновый Бор
Тихвин
Кириши=Киришей
Сортавала
Кандалахта
Мончегорск
Донецк
Луганск
Мариуполь
Мелитополь
Бердянск
Херсон
Буйнакск
Кизляр
Избербаш
Беслан
Моздок
Прохладный*
Октябрьск
Новокуйбышевск
Чапаевск
Жигулёвск
Белорецк
Кумертау
Сибай
Ишимбай
Ирбит
Асбест!
Краснотурьинск
Полевской?
Ревда
Снежинск
Озёрск
Шадринск
Белебей
Мелеуз
Сокол!
Кольчугино
Свободный*
Белогорск
Тында!
Арсеньев?
Корсаков?
Холмск
Мирный*
Ленск)";

constexpr std::string_view kNeighbours = R"(Минск|Minsk
Гомель=Гомеля|Gomel,Homel
Могилёв=Могилёва|Mogilev,Mogilyov
Витебск|Vitebsk
Гродно|Grodno,Hrodna
Брест|Brest
Бобруйск|Bobruisk
Барановичи=Барановичей|Baranovichi
Борисов?
Пинск
Мозырь=Мозыря
Солигорск
Орша
Лида?
Новополоцк
Алматы|Almaty
Алма-Ата|Alma Ata
Астана|Astana
Нур-Султан|Nur Sultan
Шымкент|Shymkent
Караганда|Karaganda
Актобе|Aktobe
Тараз|Taraz
Павлодар|Pavlodar
Усть-Каменогорск|Ust Kamenogorsk,Oskemen
Семей!|Semey
Атырау|Atyrau
Костанай|Kostanay
Кызылорда|Kyzylorda
Уральск|Uralsk,Oral
Петропавловск|Petropavlovsk
Актау|Aktau
Кокшетау|Kokshetau
Темиртау|Temirtau
Талдыкорган|Taldykorgan
Экибастуз|Ekibastuz
Рудный*
Жезказган
Ташкент|Tashkent
Самарканд|Samarkand
Бухара|Bukhara
Андижан|Andijan
Наманган|Namangan
Фергана|Fergana
Нукус|Nukus
Ургенч|Urgench
Термез|Termez
Карши|Karshi,Qarshi
Коканд|Kokand
Навои|Navoi
Бишкек|Bishkek
Ош!|Osh
Джалал-Абад|Jalal Abad
Каракол
Душанбе|Dushanbe
Худжанд|Khujand
Бохтар
Ашхабад|Ashgabat
Ереван|Yerevan,Erevan
Гюмри|Gyumri
Ванадзор|Vanadzor
Тбилиси|Tbilisi
Батуми|Batumi
Кутаиси|Kutaisi
Рустави|Rustavi
Баку|Baku
Гянджа|Ganja
Сумгаит|Sumgait
Кишинёв=Кишинёва|Chisinau,Kishinev
Тирасполь|Tiraspol
Бельцы=Бельц|Balti
Киев|Kyiv,Kiev
Харьков|Kharkiv,Kharkov
Одесса|Odesa,Odessa
Днепр!|Dnipro
Львов|Lviv
Запорожье=Запорожья|Zaporizhzhia
Винница|Vinnytsia
Полтава|Poltava
Черкассы=Черкасс|Cherkasy
Чернигов|Chernihiv
Николаев?
Житомир|Zhytomyr
Сухум
Цхинвал
Рига|Riga
Юрмала|Jurmala
Даугавпилс|Daugavpils
Вильнюс|Vilnius
Каунас|Kaunas
Клайпеда|Klaipeda
Таллин|Tallinn
Таллинн
Тарту|Tartu
Нарва|Narva)";

constexpr std::string_view kWorld = R"(Лондон|London
Манчестер|Manchester
Бирмингем|Birmingham
Ливерпуль=Ливерпуля|Liverpool
Эдинбург|Edinburgh
Глазго|Glasgow
Лидс|Leeds
Бристоль=Бристоля|Bristol
Шеффилд|Sheffield
Ноттингем|Nottingham
Лестер|Leicester
Ковентри|Coventry
Ньюкасл|Newcastle
Саутгемптон|Southampton
Портсмут|Portsmouth
Плимут|Plymouth
Брайтон|Brighton
Оксфорд!|Oxford!
Кембридж|Cambridge
Норидж|Norwich
Кардифф|Cardiff
Суонси|Swansea
Белфаст|Belfast
Абердин|Aberdeen
Данди!|Dundee
Дублин|Dublin
Корк!|Cork!
Голуэй|Galway
Лимерик!|Limerick!
Париж|Paris
Марсель=Марселя|Marseille
Лион|Lyon
Ницца|Nizza
Берлин|Berlin
Мюнхен|Munich
Гамбург|Hamburg
Франкфурт|Frankfurt
Франкфурт-на-Майне|Frankfurt am Main
Кёльн|Cologne
Дюссельдорф|Dusseldorf,Düsseldorf
Штутгарт|Stuttgart
Лейпциг|Leipzig
Дрезден|Dresden
Вена!|Vienna
Зальцбург|Salzburg
Цюрих|Zurich,Zürich
Женева|Geneva
Базель=Базеля|Basel
Рим!|Rome
Милан!|Milan
Неаполь=Неаполя|Naples
Венеция|Venice
Турин|Turin
Флоренция|Florence!
Мадрид|Madrid
Барселона|Barcelona
Валенсия|Valencia
Севилья|Seville
Лиссабон|Lisbon
Порту!|Porto!
Амстердам|Amsterdam
Роттердам|Rotterdam
Гаага|The Hague
Брюссель=Брюсселя|Brussels
Антверпен|Antwerp
Люксембург|Luxembourg!
Копенгаген|Copenhagen
Стокгольм|Stockholm
Гётеборг|Gothenburg
Осло|Oslo
Хельсинки|Helsinki
Варшава|Warsaw
Краков|Krakow,Cracow
Вроцлав|Wroclaw
Гданьск|Gdansk
Прага|Prague
Брно|Brno
Братислава|Bratislava
Будапешт|Budapest
Бухарест|Bucharest
София?|Sofia!
Варна|Varna
Белград|Belgrade
Нови-Сад|Novi Sad
Загреб|Zagreb
Любляна|Ljubljana
Сараево|Sarajevo
Подгорица|Podgorica
Афины=Афин|Athens
Салоники=Салоник|Thessaloniki
Никосия|Nicosia
Лимасол|Limassol
Ларнака|Larnaca
Стамбул|Istanbul
Анкара|Ankara
Анталья|Antalya
Анталия
Измир|Izmir
Аланья|Alanya
Тель-Авив|Tel Aviv
Хайфа|Haifa
Иерусалим|Jerusalem
Дубай=Дубая|Dubai
Абу-Даби|Abu Dhabi
Доха!|Doha
Эр-Рияд|Riyadh
Тегеран|Tehran
Каир|Cairo
Пекин|Beijing
Шанхай|Shanghai
Гуанчжоу|Guangzhou
Шэньчжэнь|Shenzhen
Иу!|Yiwu
Гонконг|Hong Kong
Харбин|Harbin
Урумчи|Urumqi
Токио|Tokyo
Осака|Osaka
Сеул|Seoul
Пусан|Busan
Бангкок|Bangkok
Пхукет|Phuket
Паттайя|Pattaya
Ханой=Ханоя|Hanoi
Нячанг|Nha Trang
Сингапур|Singapore
Джакарта|Jakarta
Дели!|New Delhi,Delhi
Мумбаи|Mumbai
Бангалор|Bangalore,Bengaluru
Ченнаи|Chennai
Хайдарабад|Hyderabad
Калькутта|Kolkata,Calcutta
Ахмадабад|Ahmedabad
Джайпур|Jaipur
Пуна!|Pune
Карачи|Karachi
Лахор|Lahore
Дакка|Dhaka
Катманду|Kathmandu
Коломбо|Colombo
Манила!|Manila!
Куала-Лумпур|Kuala Lumpur
Хошимин|Ho Chi Minh City
Улан-Батор|Ulaanbaatar
Нью-Йорк|New York,NYC
Лос-Анджелес|Los Angeles
Чикаго|Chicago
Майами|Miami
Сан-Франциско|San Francisco
Сиэтл|Seattle
Бостон|Boston
Вашингтон|Washington
Хьюстон|Houston
Даллас|Dallas
Атланта|Atlanta
Филадельфия|Philadelphia
Денвер|Denver
Лас-Вегас|Las Vegas
Сан-Диего|San Diego
Остин|Austin!
Портленд|Portland
Детройт|Detroit
Миннеаполис|Minneapolis
Орландо|Orlando
Балтимор|Baltimore
Питтсбург|Pittsburgh
Нэшвилл|Nashville
Торонто|Toronto
Монреаль=Монреаля|Montreal
Ванкувер|Vancouver
Оттава|Ottawa
Калгари|Calgary
Мехико|Mexico City
Буэнос-Айрес|Buenos Aires
Сан-Паулу|Sao Paulo
Рио-де-Жанейро|Rio de Janeiro
Сидней=Сиднея|Sydney!
Мельбурн|Melbourne
Брисбен|Brisbane
Перт!|Perth
Окленд|Auckland
Кейптаун|Cape Town)";

/// Everyday names; those with an ending decline.
struct Alias {
  std::string_view name, city;
};
constexpr Alias kAliases[] = {
    {"Питер", "Санкт-Петербург"},
    {"Петербург", "Санкт-Петербург"},
    {"спб", "Санкт-Петербург"},
    {"spb", "Санкт-Петербург"},
    {"с пб", "Санкт-Петербург"},
    {"с петербург", "Санкт-Петербург"},
    {"piter", "Санкт-Петербург"},
    {"мск", "Москва"},
    {"msk", "Москва"},
    {"екб", "Екатеринбург"},
    {"ekb", "Екатеринбург"},
    {"Екат", "Екатеринбург"},
    {"Ебург", "Екатеринбург"},
    {"Ёбург", "Екатеринбург"},
    {"нск", "Новосибирск"},
    {"nsk", "Новосибирск"},
    {"Новосиб", "Новосибирск"},
    {"Ростов", "Ростов-на-Дону"},
    {"рнд", "Ростов-на-Дону"},
    {"Владик", "Владивосток"},
    {"крд", "Краснодар"},
    {"Новгород", "Великий Новгород"},
    {"н новгород", "Нижний Новгород"},
    {"н новгороде", "Нижний Новгород"},
    {"н новгорода", "Нижний Новгород"},
    {"н новгороду", "Нижний Новгород"},
    {"ннов", "Нижний Новгород"},
    {"в новгород", "Великий Новгород"},
    {"н тагил", "Нижний Тагил"},
    {"н челны", "Набережные Челны"},
    {"Комсомольск", "Комсомольск-на-Амуре"},
    {"nizhny", "Нижний Новгород"},
    {"алмата", "Алматы"},
    {"алмате", "Алматы"},
    {"алмату", "Алматы"},
    {"кзн", "Казань"},
    {"Бешкек", "Бишкек"},
    {"nyc", "Нью-Йорк"},
    {"Нью-Дели", "Дели"},
    {"petersburg", "Санкт-Петербург"},
};

enum class Care : std::uint8_t { none, common_word, persons_name, adjective };

struct Meaning {
  std::int32_t city = -1;  ///< -1: only begins longer names
  Care care = Care::none;
  bool begins_longer = false;
};

bool ends_with_any(std::string_view word, std::string_view letters) {
  for (std::size_t at = 0; at < letters.size(); at += 2)
    if (word.ends_with(letters.substr(at, 2))) return true;
  return false;
}

std::string cut(std::string_view word, std::size_t letters) {
  return std::string(word.substr(0, word.size() - 2 * letters));
}

using Cases = std::array<std::string, 6>;  ///< nominative, genitive, dative, accusative, instrumental, prepositional

Cases with_endings(std::string_view nominative, const std::string& stem, std::array<std::string_view, 5> endings) {
  Cases cases;
  cases[0] = nominative;
  for (std::size_t i = 0; i < 5; ++i) cases[i + 1] = stem + std::string(endings[i]);
  return cases;
}

/// The case forms of a lower-case word; `genitive` may be empty.
Cases decline(std::string_view word, std::string_view genitive) {
  const bool is_masculine = !genitive.empty() && (genitive.ends_with("а") || genitive.ends_with("я"));
  if (word.ends_with("ий") && !ends_with_any(cut(word, 2), "гкх")) {
    return with_endings(word, cut(word, 2), {"его", "ему", "ий", "им", "ем"});
  }
  if (word.ends_with("ский") || word.ends_with("кий"))
    return with_endings(word, cut(word, 2), {"ого", "ому", "ий", "им", "ом"});
  if (word.ends_with("ый") || word.ends_with("ской")) {
    const std::string_view own = word.ends_with("ый") ? "ый" : "ой";
    return with_endings(word, cut(word, 2), {"ого", "ому", own, word.ends_with("ой") ? "им" : "ым", "ом"});
  }
  if (word.ends_with("ое"))
    return with_endings(word, cut(word, 2),
                        {"ого", "ому", "ое", ends_with_any(cut(word, 2), "гкх") ? "им" : "ым", "ом"});
  if (word.ends_with("ые")) return with_endings(word, cut(word, 2), {"ых", "ым", "ые", "ыми", "ых"});
  if (word.ends_with("ие")) return with_endings(word, cut(word, 2), {"их", "им", "ие", "ими", "их"});
  if (!genitive.empty() && (word.ends_with("ы") || word.ends_with("и"))) {
    const std::string stem = cut(word, 1);
    Cases cases = with_endings(word, stem, {"", "ам", "", "ами", "ах"});
    cases[1] = genitive;
    cases[3] = word;
    return cases;
  }
  if (is_masculine) {
    const bool is_soft = genitive.ends_with("я");
    Cases cases = is_soft ? with_endings(word, cut(genitive, 1), {"я", "ю", "", "ем", "е"})
                          : with_endings(word, cut(genitive, 1), {"а", "у", "", "ом", "е"});
    cases[3] = word;
    return cases;
  }
  if (word.ends_with("ия")) return with_endings(word, cut(word, 1), {"и", "и", "ю", "ей", "и"});
  if (word.ends_with("я")) return with_endings(word, cut(word, 1), {"и", "е", "ю", "ей", "е"});
  if (word.ends_with("а")) {
    const std::string stem = cut(word, 1);
    const bool is_hushing = ends_with_any(stem, "жшщчц");
    return with_endings(word, stem,
                        {ends_with_any(stem, "гкхжшщч") ? "и" : "ы", "е", "у", is_hushing ? "ей" : "ой", "е"});
  }
  if (word.ends_with("поль") || word.ends_with("авль"))
    return with_endings(word, cut(word, 1), {"я", "ю", "ь", "ем", "е"});
  if (word.ends_with("ь")) return with_endings(word, cut(word, 1), {"и", "и", "ь", "ью", "и"});
  if (word.ends_with("й")) return with_endings(word, cut(word, 1), {"я", "ю", "й", "ем", "е"});
  if (word.ends_with("ово") || word.ends_with("ево") || word.ends_with("ино") || word.ends_with("ыно"))
    return with_endings(word, cut(word, 1), {"а", "у", "о", "ом", "е"});
  if (ends_with_any(word, "бвгджзклмнпрстфхцчшщ"))
    return with_endings(word, std::string(word), {"а", "у", "", ends_with_any(word, "жшщчц") ? "ем" : "ом", "е"});
  return with_endings(word, std::string(word), {"", "", "", "", ""});
}

std::vector<std::string_view> split(std::string_view text, std::string_view signs) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find_first_of(signs, at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// The case forms of a name, words divided by single spaces.
std::vector<std::string> forms_of(const std::string& name, const std::string& genitive) {
  const auto words = split(name, " -");
  const auto genitives = split(genitive, " -");
  const bool is_hyphened = name.find('-') != std::string::npos;
  const bool on_river = words.size() == 3 && words[1] == "на";
  std::array<std::string, 6> forms;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last_is_adjective =
        words.back().ends_with("ий") || words.back().ends_with("ый") || words.back().ends_with("ое");
    bool declines = true;
    if (on_river)
      declines = i == 0;
    else if (is_hyphened && i + 1 < words.size())
      declines = last_is_adjective && !words[i].ends_with("о");
    Cases cases = declines ? decline(words[i], i < genitives.size() ? genitives[i] : std::string_view())
                           : with_endings(words[i], std::string(words[i]), {"", "", "", "", ""});
    // "Сергиев Посад": of the first word one asks "whose?"
    if (declines && !is_hyphened && i + 1 < words.size() && (words[i].ends_with("ев") || words[i].ends_with("ов"))) {
      cases[4] = std::string(words[i]) + "ым";
      cases[5] = std::string(words[i]) + "ом";
    }
    for (std::size_t c = 0; c < forms.size(); ++c) forms[c] += (i > 0 ? " " : "") + cases[c];
  }
  std::vector<std::string> all;
  for (std::string& form : forms)
    if (std::find(all.begin(), all.end(), form) == all.end()) all.push_back(std::move(form));
  return all;
}

/// All names, and what they are called.
class Gazetteer {
 public:
  Gazetteer() {
    add_list(kRussia, /*spelled_in_latin=*/true);
    add_list(kNeighbours, /*spelled_in_latin=*/true);
    add_list(kWorld, /*spelled_in_latin=*/false);
    for (const Alias& alias : kAliases) {
      const std::int32_t city = number_of(alias.city);
      const std::string lower = to_lower(alias.name);
      if (lower == alias.name) {
        add(lower, {city, Care::none, false});
      } else {
        for (const std::string& form : forms_of(lower, "")) {
          add(form, {city, Care::none, false});
          add_in_latin(form, city, Care::persons_name);  // "Vladik"
        }
      }
    }
  }

  const Vocabulary<Meaning>& names() const { return names_; }
  const std::string& city(std::int32_t number) const { return cities_[static_cast<std::size_t>(number)]; }

 private:
  void add_list(std::string_view list, bool spelled_in_latin) {
    for (std::string_view line : split(list, "\n")) {
      const std::size_t bar = std::min(line.find('|'), line.size());
      std::string name(line.substr(0, bar));
      Care care = Care::none;
      if (name.back() == '!') care = Care::common_word;
      if (name.back() == '?') care = Care::persons_name;
      if (name.back() == '*') care = Care::adjective;
      if (care != Care::none) name.pop_back();
      std::string genitive;
      if (const std::size_t equals = name.find('='); equals != std::string::npos) {
        genitive = to_lower(std::string_view(name).substr(equals + 1));
        name.resize(equals);
      }
      const std::int32_t city = number_of(name);
      for (const std::string& form : forms_of(to_lower(name), genitive)) {
        add(form, {city, care, false});
        if (spelled_in_latin) add_in_latin(form, city, care);
      }
      if (bar == line.size()) continue;
      for (std::string_view english : split(line.substr(bar + 1), ",")) {
        const bool is_common = english.ends_with('!');
        if (is_common) english.remove_suffix(1);
        add(to_lower(english), {city, is_common ? Care::common_word : Care::none, false});
      }
    }
  }

  void add_in_latin(const std::string& form, std::int32_t city, Care care) {
    for (const std::string& latin : transliterations(form, 6))
      add(latin, {city, care == Care::none && latin.size() <= 4 ? Care::common_word : care, false});
  }

  std::int32_t number_of(std::string_view name) {
    for (std::size_t i = 0; i < cities_.size(); ++i)
      if (cities_[i] == name) return static_cast<std::int32_t>(i);
    cities_.emplace_back(name);
    return static_cast<std::int32_t>(cities_.size() - 1);
  }

  void add(const std::string& form, Meaning meaning) {
    Meaning* known = names_.find_for_change(form);
    if (known == nullptr) {
      names_.add(form, meaning);
    } else if (known->city < 0) {
      meaning.begins_longer = known->begins_longer;
      *known = meaning;
    }
    for (std::size_t space = form.find(' '); space != std::string::npos; space = form.find(' ', space + 1)) {
      const std::string_view begin = std::string_view(form).substr(0, space);
      if (Meaning* shorter = names_.find_for_change(begin); shorter != nullptr)
        shorter->begins_longer = true;
      else
        names_.add(begin, {-1, Care::none, true});
    }
  }

  std::vector<std::string> cities_;
  Vocabulary<Meaning> names_;
};

const Gazetteer& gazetteer() {
  static const Gazetteer all;
  return all;
}

bool is_dash(std::string_view sign) { return sign == "-" || sign == "–" || sign == "‑" || sign == "—"; }

bool starts_upper(const Scan& s, const Token& token) {
  return s.text.compare(token.begin, 2, s.lower, token.begin, 2) != 0;
}

/// The next word of a name that may go on behind token `at`: over a space, a hyphen, or the stop of "н. новгород".
std::size_t next_word(const Scan& s, std::size_t at) {
  std::size_t next = at + 1;
  if (next < s.tokens.size() && s.tokens[next].kind == Kind::sign && !s.tokens[next].space_before) {
    const std::string_view sign = s.word(s.tokens[next]);
    if (is_dash(sign) || (sign == "." && s.tokens[at].end - s.tokens[at].begin <= 4)) ++next;
  }
  return next < s.tokens.size() && s.tokens[next].kind == Kind::word ? next : 0;
}

/// The last word token before `at` in the same sentence, or `at` itself when there is none.
std::size_t word_before(const Scan& s, std::size_t at) {
  if (at == 0) return at;
  std::size_t before = at - 1;
  // "г. Орёл", "г.Орёл"
  if (s.tokens[before].kind == Kind::sign && s.lower[s.tokens[before].begin] == '.' && before > 0 &&
      s.tokens[before - 1].end - s.tokens[before - 1].begin <= 6)
    --before;
  return s.tokens[before].kind == Kind::word ? before : at;
}

bool follows_place_word(const Scan& s, std::size_t at) {
  const std::size_t before = word_before(s, at);
  return before != at && (cues_of(s, s.tokens[before]) & (Cue::into | Cue::place)) != 0;
}

/// "15:00 мск", "до 18 часов по мск", "по мск времени".
bool is_time_zone(const Scan& s, std::size_t at) {
  if (at > 0 && s.tokens[at - 1].kind == Kind::number) return true;
  if (at == 0 || s.word(s.tokens[at - 1]) != "по") return false;
  for (std::size_t i = at - 1; i > 0 && at - i < 4; --i)
    if (s.tokens[i - 1].kind == Kind::number) return true;
  return at + 1 < s.tokens.size() && s.word(s.tokens[at + 1]).starts_with("врем");
}

/// "Pushkin street 10", but not "Moscow street Lenina 5"
bool is_street(const Scan& s, std::size_t behind) {
  if (behind >= s.tokens.size() || s.tokens[behind].kind != Kind::word) return false;
  if (behind + 1 < s.tokens.size() && s.tokens[behind + 1].kind == Kind::word) return false;
  constexpr std::array<std::string_view, 9> kStreets = {"street", "str",  "avenue", "ave", "road",
                                                        "rd",     "lane", "square", "blvd"};
  return std::find(kStreets.begin(), kStreets.end(), s.word(s.tokens[behind])) != kStreets.end();
}

bool starts_sentence(const Scan& s, std::size_t at) {
  if (at == 0) return true;
  const Token& before = s.tokens[at - 1];
  return before.kind == Kind::sign && std::string_view(".!?").find(s.lower[before.begin]) != std::string_view::npos;
}

}  // namespace

void find_cities(const Scan& scan, std::vector<Candidate>& out) {
  static const Gazetteer& all = gazetteer();
  std::size_t last_city = 0;  // behind the one found last
  for (std::size_t at = 0; at < scan.tokens.size(); ++at) {
    const Token& token = scan.tokens[at];
    if (token.kind != Kind::word) continue;
    const Meaning* meaning = all.names().find(scan, token);
    if (meaning == nullptr) continue;
    std::size_t last = at;
    const Meaning* best = meaning->city >= 0 ? meaning : nullptr;
    if (meaning->begins_longer) {
      std::string name(scan.word(token));
      std::size_t end = at;
      for (const Meaning* longer = meaning; longer != nullptr && longer->begins_longer;) {
        end = next_word(scan, end);
        if (end == 0) break;
        name += ' ';
        name += scan.word(scan.tokens[end]);
        longer = all.names().find(name);
        if (longer != nullptr && longer->city >= 0) {
          best = longer;
          last = end;
        }
      }
    }
    if (best == nullptr) continue;
    const std::size_t before = word_before(scan, at);
    const std::uint32_t cues = before != at ? cues_of(scan, scan.tokens[before]) : 0;
    if (((cues & Cue::street) != 0 && (cues & Cue::place) == 0) || is_street(scan, last + 1)) continue;
    // "Томск-Авиа", "Радио-Москва"
    const bool is_part = (at > 0 && !token.space_before && scan.tokens[at - 1].kind != Kind::sign) ||
                         (last + 1 < scan.tokens.size() && !scan.tokens[last + 1].space_before &&
                          scan.tokens[last + 1].kind == Kind::number);
    if (is_part) continue;
    const std::string_view word = scan.word(token);
    if ((word == "мск" || word == "msk") && is_time_zone(scan, at)) continue;
    // "с Питером Смитом": a man
    if (word.starts_with("питер") && last + 1 < scan.tokens.size() && scan.tokens[last + 1].kind == Kind::word &&
        starts_upper(scan, token) && starts_upper(scan, scan.tokens[last + 1]))
      continue;
    const bool after_city = last_city > 0 && at - last_city <= 3;
    if (best->care != Care::none) {
      const bool is_placed = follows_place_word(scan, at) || after_city;
      const bool is_answer = at == 0 && last + 2 >= scan.tokens.size();  // nothing else is said
      const bool is_capital = starts_upper(scan, token) && (is_answer || !starts_sentence(scan, at));
      const bool is_named = best->care == Care::common_word    ? is_placed || is_capital
                            : best->care == Care::persons_name ? is_placed
                                                               : is_placed && starts_upper(scan, token);
      if (!is_named) continue;
    }
    out.push_back({"city", token.begin, scan.tokens[last].end, all.city(best->city),
                   (cues & (Cue::into | Cue::place)) != 0 ? 0.9 : 0.6, priority::city});
    last_city = last + 1;
    at = last;
  }
}

}  // namespace easyflow::nlp
