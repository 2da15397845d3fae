"""WhatsApp's own words in further languages, in the form of the tables of whatsapp_words.py; a line is a language or goes on with it.

Vietnamese, Greek, Romanian, Danish, Norwegian, Finnish, Hungarian, Croatian, Slovak, Catalan, Thai, Malay, Persian, Urdu, Bengali, Marathi,
Gujarati, as the app's own translations have them, after the lists of the parsers whats_json (github.com/starkdmi/whats_json) and
chat-analytics (github.com/mlomb/chat-analytics). Left out is what people may well say themselves: "no picture" (Finnish, Thai), "the video was
deleted" (Persian, Thai), "without sound" (Romanian).
"""

MEDIA = """
bỏ qua media | bỏ qua tệp phương tiện | đã bỏ qua hình ảnh | đã bỏ video | bỏ qua tệp âm thanh | đã bỏ sticker | đã bỏ qua ảnh gif | bỏ qua thẻ liên lạc
đã bỏ qua tài liệu | vị trí hiện thời được chia sẻ
εξαίρεση πολυμέσων | αρχείο παραλήφθηκε | εικόνα παραλείφθηκε | βίντεο παραλείφθηκε | ήχος παραλείφθηκε | αυτοκόλλητο παραλήφθηκε | παράληψη gif
η κάρτα επαφής παραλήφθηκε | έγγραφο παραλείφθηκε | η τωρινή τοποθεσία κοινοποιήθηκε
conținut media omis | imagine omisă | clip video omis | gif omis | carte de vizită contact omisă | document omis | locație în timp real distribuită
mediefil udeladt | medier udeladt | billede udeladt | video udeladt | lyd udeladt | klistermærke udeladt | gif udeladt | kontaktkort udeladt
dokument udeladt | live placering delt
uten vedlegg | media utelatt | bilde ikke inkludert | video utelatt | lyd utelatt | klistremerke utelatt | gif utelatt | kontaktkort sløyfet
utelatt dokument | posisjon i sanntid delt
media jätetty pois | media jätettiin pois | videota ei sisällytetä | äänitiedostoa ei sisällytetä | tarraa ei sisällytetty | gif-animaatio jätetty pois
yhteystietokortti jätettiin pois | dokumenttia ei sisällytetä | live-sijainti jaettu
hiányzó médiafájl | média elhagyva | kép küldése sikertelen | videó kihagyva | hang kihagyása | matrica kihagyva | gif fájl kihagyása
névjegykártya kihagyva | dokumentum kihagyva | tartózkodási hely megosztva
medijski zapis izostavljen | slika izostavljena | video izostavljen | zvuk izostavljen | naljepnica izostavljena | gif izostavljen
posjetnica izostavljena | dokument izostavljen | trenutna lokacija podijeljena
médiá vynechané | obrázok vynechaný | video vynechané | zvuk vynechaný | nálepka vynechaná | gif vynechaný | karta kontaktu vynechaná
dokument vynechaný | bola zdieľaná aktuálna poloha
mitjans omesos | fitxers multimèdia omesos | imatge omesa | vídeo omès | àudio omès | adhesiu omès | gif omès | targeta de contacte omesa | document omès
ubicació en directe compartida
สื่อถูกลบ | ไฟล์สื่อถูกลบ | ละเว้น gif | บัตรรายชื่อที่ละเว้น | ละเว้นเอกสาร | ตำแหน่งปัจจุบันถูกแบ่งปัน
media disingkirkan | media dikecualikan | imej tidak dimasukkan | video tidak dimasukkan | audio tidak dimasukkan | pelekat tidak disertakan
gif tidak dimasukkan | kad kenalan tidak dimasukkan | dokumen tidak dimasukkan | lokasi terkini dikongsi
رسانه حذف شد | پيوست نما/آهنگ حذف شد | استیکر حذف شد | gif حذف شد | برگ مخاطب حذف شد | مکان زنده به اشتراک گذاشته شد
میڈیا چھوڑ دیا گیا | میڈیا ہٹا دیا گیا | تصویر نکال دی گئی ہے | ویڈیو نظرانداز | آڈیو نظرانداز | اسٹیکر نظرانداز | gif نظرانداز | gif  نظرانداز | رابطہ کارڈ نظر انداز
دستاویز نظرانداز | جاری مقام کا اشتراک ہوا
মিডিয়া বাদ দেওয়া হয়েছে | ইমেজ বাদ দেওয়া হয়েছে | ভিডিও বাদ দেওয়া হয়েছে | অডিও বাদ দেওয়া হয়েছে | স্টিকার বাদ দেওয়া হয়েছে
জিআইএফ বাদ দেওয়া হয়েছে | পরিচিতির কার্ড বাদ দেওয়া হয়েছে | ডকুমেন্ট বাদ দেওয়া হয়েছে | লাইভ অবস্থান শেয়ার করা হয়েছে
मीडिया वगळले | मीडिया वगळण्यात आला | इमेज वगळली | व्हिडीओ वगळला | ऑडिओ वगळला | स्टिकर वगळले | gif वगळले | संपर्क कार्ड वगळले | डॉक्युमेंट वगळले
सध्याचे थेट ठिकाण शेअर केले
મીડિયા અવગણાયું | મીડિયા અવગણવામાં આવ્યા | મિડિયા છોડી મૂકાયું | છબી પડતી મૂકાઈ | વિડિયો પડતી મુકાઈ | ઓડિયો ફાઇલ શામેલ કરી નથી | સ્ટીકર પડતું મુકાયું
gif પડતી મૂકાઈ | સંપર્કનું કાર્ડ પડતું મૂકાયું | ડોક્યુમેન્ટ સામેલ કર્યું નહિ | જીવંત સ્થાન શેર કરાયું
"""

DELETED = """
tin nhắn này đã bị xóa | tin nhắn này đã bị xoá | bạn đã xóa tin nhắn này | bạn đã xoá tin nhắn này
αυτό το μήνυμα διαγράφηκε | διαγράψατε αυτό το μήνυμα | διαγράψατε το μήνυμα
acest mesaj a fost șters | ați șters acest mesaj
denne besked er blevet slettet | denne besked blev slettet | du har slettet denne besked | du slettede denne besked
denne meldingen ble slettet | du slettet denne meldingen
tämä viesti poistettiin | poistit tämän viestin
ez az üzenet törlésre került | ezt az üzenetet törölted | törölted ezt az üzenetet
ova je poruka izbrisana | ova poruka je izbrisana | izbrisali ste ovu poruku
táto správa bola odstránená | túto správu ste odstránili
aquest missatge s'ha suprimit | aquest missatge està esborrat | has suprimit aquest missatge | has esborrat aquest missatge
ข้อความนี้ถูกลบแล้ว | ข้อความนี้ได้ถูกลบ | คุณได้ลบข้อความนี้ | คุณลบข้อความนี้
mesej ini telah dipadam | anda telah memadamkan mesej ini
این پیام حذف شده است | این پیام حذف شد | شما این پیام را حذف کردید
یہ میسج حذف کر دیا گیا ہے | یہ پیغام حذف کیا گیا | آپ نے یہ میسج حذف کر دیا ہے | آپ نے اس پیغام کو حذف کیا
এই মেসেজটি বাদ দেওয়া হয়েছে | এই বার্তাটি মুছে ফেলা হয়েছে | আপনি এই মেসেজটি বাদ দিয়েছেন | আপনি এই বার্তাটি মুছে ফেলেছেন
हा मेसेज हटवण्यात आला | हा संदेश हटविण्यात आला होता | तुम्ही हा मेसेज हटवला | आपण हा संदेश हटविलात
આ મેસેજ ડિલીટ કરાયો | આ સંદેશ રદ્દ કરાયો | તમે આ મેસેજ ડિલીટ કર્યો | તમે આ સંદેશને રદ્દ કર્યો
"""

CALLS = """
cuộc gọi nhỡ | cuộc gọi nhỡ video
αναπάντητη φωνητική κλήση | αναπάντητη βιντεοκλήση | αναπάντητη κλήση
apel vocal ratat | apel vocal nepreluat | apel video ratat | apel video nepreluat
ubesvaret taleopkald | mistet opkald | ubesvaret videoopkald | mistede video opkald
tapt taleanrop | tapt videoanrop | tapt videosamtale
vastaamaton äänipuhelu | vastaamaton videopuhelu
nem fogadott hanghívás | nem fogadott videohívás | nem fogadott videóhívás
propušteni glasovni poziv | propušten glasovni poziv | propušteni videopoziv | propušten video poziv
zmeškaný hovor | zmeškaný videohovor
trucada de veu perduda | videotrucada perduda | trucada de vídeo perduda
สายที่ไม่ได้รับ | วิดีโอคอลที่ไม่ได้รับ | สายโทรวิดีโอที่ไม่ได้รับ
panggila suara terlepas | panggilan suara terlepas | panggilan video terlepas
تماس صوتی پاسخ داده نشده | تماس تصویری پاسخ داده نشده
مسڈ وائس کال | چھوٹی ہوئی صوتی کال | مسڈ ویڈیو کال | چھوٹی ہوئی ویڈیو کال
ভয়েস কল মিস করেছেন | মিসড ভয়েস কল | ভিডিও কল মিস করেছেন | মিস করা ভিডিও কল
मिस्ड व्हॉइस कॉल | मिस्ड व्हिडिओ कॉल
છૂટી ગયેલો વોઇસ કૉલ | છૂટેલો વોઇસ કૉલ | છૂટી ગયેલ ધ્વનિ કૉલ | છૂટી ગયેલ વિડિયો કૉલ | છૂટી ગયેલ વિડિઓ કૉલ
"""

NOTICES = """
tin nhắn và cuộc gọi được mã hóa đầu cuối|những tin nhắn và những cuộc gọi đã được bảo mật|mã bảo mật của bạn với ... đã thay đổi
τα μηνύματα και οι κλήσεις κρυπτογραφούνται|ο κωδικός ασφαλείας σας με ... άλλαξε
mesajele și apelurile sunt criptate|codul dvs. de securitate cu ... s-a schimbat
beskeder og opkald er end-to-end|din sikkerhedskode for ... har ændret sig
meldinger og samtaler er ende-til-ende|sikkerhetskoden med ... ble endret
viestit ja puhelut salataan|turvanumerosi muuttui henkilön
az üzenetek és hívások végpontok közötti
poruke i pozivi zaštićeni su potpunom enkripcijom|vaš sigurnosni kôd za kontakt ... promijenio se
správy a hovory sú zabezpečené šifrovaním|bezpečnostný kód, ktorý zdieľate s používateľom
els missatges i les trucades estan xifrats|el teu codi de seguretat amb ... ha canviat
ข้อความและการโทรได้รับการเข้ารหัส|รหัสความปลอดภัยของคุณกับ ... มีการเปลี่ยนแปลง
mesej dan panggilan disulitkan hujung ke hujung|kod keselamatan anda dengan ... telah berubah
پیام ها و تماس های شما رمزگذاری|پیامها و تماسها سرتاسر رمزگذاری|کد امنیتی شما با ... تغییر کرد
میسجز اور کالز اینڈ ٹو اینڈ
মেসেজ এবং কল এন্ড-টু-এন্ড
मेसेजेस आणि कॉल्स एन्ड-टू-एन्ड|तुमचा ... संबंधित सुरक्षा कोड बदलला
મેસેજ અને કૉલ શરૂથી અંત સુધી સુરક્ષિત
"""

ATTACHED = """
tệp đính kèm|συνημμένο αρχείο|fișier atașat|fil vedhæftet|vedlagt fil|liitetiedosto|fájl csatolva|datoteka u privitku|súbor pripojený|arxiu adjunt|ไฟล์ที่แนบ|fail dilampirkan|پیوستہ فائل|ফাইল সংযুক্ত হয়েছে|ફાઇલ જોડાયેલ
"""

ATTACHED_MARKS = """
đính kèm|επισυνάφθηκε|atașare|vedhæftet|vedlagt|liite|csatolva|priloženo|príloha|adjunt|แนบ|dilampir|پیوست|پیوستہ|संलग्न केले|જોડાયેલ
"""

PLACES = """
vị trí|τοποθεσία|locație|placering|posisjon|sijainti|helyzet|lokacija|poloha|ubicació|ตำแหน่งที่ตั้ง|lokasi|موقعیت|مقام|অবস্থান|स्थान|સ્થળ
"""

# Who did something to the group (see NOTICE_WORDS), behind a name and a blank.
VERBS = (
    r"đã (?:tạo|thêm|rời|xóa|xoá|đổi|thay đổi|tham gia|bật|tắt|ghim|cập nhật)|(?:δημιούργησε|πρόσθεσε|άλλαξε|αποχώρησε|αφαίρεσε)|"
    r"a (?:creat|adăugat|schimbat|ieșit|eliminat)|(?:oprettede|tilføjede|ændrede|forlod|fjernede)|(?:opprettet|la til|endret|forlot|fjernet)|"
    r"(?:loi ryhmän|lisäsi|vaihtoi|poistui|poisti)|(?:létrehozta|hozzáadta|módosította|megváltoztatta|kilépett|eltávolította)|"
    r"(?:stvori|doda|promijeni|napusti|ukloni)(?:o|la)|(?:vytvoril|pridal|zmenil|opustil|odstránil)(?:a|/a)?|ha (?:creat|afegit|canviat|sortit|eliminat)"
)
# "Your security code with Ana has changed" where her name comes first or early.
NAME_FIRST = r"您[和與].{1,80}安全(?:代码|代碼|碼)已[更變]|güvenlik kodu değişti|सुरक्षा कोड बदल|biztonsági kódja megváltozott|নিরাপত্তা কোড পরিবর্তিত|سیکیورٹی کوڈ تبدیل|સુરક્ષા કોડ બદલાઈ"
